"""`bastaix eval`: how good are the answers of an endpoint to prompts that are known?

Runs in the evaluation's Job and on a laptop, and knows an endpoint only by its URL: nothing of
Kubernetes, Ray or the operator. Read in the order of the data: dataset, client, runner, figures,
verdict, result. A prompt or an answer leaves it only where the user asks for that.
"""

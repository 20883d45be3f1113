"""The source controller: fetch pinned code, check it, keep it beside the ModelDeployment.

Apart from the operator because only this talks to the internet, reads credentials and opens
archives that nobody has vouched for. It is never in the path of traffic.
"""

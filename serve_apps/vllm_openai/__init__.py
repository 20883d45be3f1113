"""vLLM behind the OpenAI API; its root is this folder, see README.md."""

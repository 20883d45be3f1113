"""An OpenAI-compatible app without a model; its root is this folder, see README.md."""

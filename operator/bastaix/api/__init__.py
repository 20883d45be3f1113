"""The vocabulary: names, the resource, reasons, conditions, errors. Imports nothing of ours."""

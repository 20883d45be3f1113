"""What runs inside Ray's Pods: read as text and rendered into them, never imported by us."""

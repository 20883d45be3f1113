"""Failures as a real cluster reports them: how they are provoked, and what was recorded."""

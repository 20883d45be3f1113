"""Texts for people: what they may hold and how long they may be. Pure; imports nothing of ours."""

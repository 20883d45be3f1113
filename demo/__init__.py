"""The main job from a bare machine to an answer: `make demo`, and the steps that tests reuse."""

"""From what is seen to what is done: the index, the queue, the plan and the story around them."""

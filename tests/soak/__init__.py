"""The soak: a real agent in a process of its own, thousands of cycles with faults at random, judged at the end."""

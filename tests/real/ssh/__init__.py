"""A real sshd on loopback: the agent over there, as people of head nodes have it."""

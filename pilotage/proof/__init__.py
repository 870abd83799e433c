"""What can be said about a workspace before anything runs. Quality gates: rules with stable ids that look at documents and at the plan
they make, and say where something is not as it should be, why that matters, and what to do."""

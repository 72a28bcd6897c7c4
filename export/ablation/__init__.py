"""Every step of the paper's ablation as a policy that runs, and what each earned on each data set."""

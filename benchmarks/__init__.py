"""What things cost, beside the peers, as ratios of one run."""

"""What the recipes and `speechcnn train` run: each experiment is one module with `NAME`, `PARTS` and `run`."""

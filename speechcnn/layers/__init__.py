"""The lecture's layers with backward passes derived by hand; they need torch and numpy alone."""

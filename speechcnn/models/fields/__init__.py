"""What a net needs and what it sees: sizes, costs, receptive fields."""

from speechcnn.models.fields.sizes import minimum_size

__all__ = ["minimum_size"]

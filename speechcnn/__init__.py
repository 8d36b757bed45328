"""speechcnn: 1-D and 2-D convolutional networks for speech and audio."""

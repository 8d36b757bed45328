"""From a network's scores to phones: states, n-grams, Viterbi search, streaming, alignment, CTC and confidence."""

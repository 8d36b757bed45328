"""From a network's scores to phones: states, bigram, Viterbi search and forced alignment."""

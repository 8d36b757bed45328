"""Speech for keyword spotting from text alone: the keyword, what sounds like it, and everything else, with exact times.

sounds      how alike words sound; near misses of a keyword
voices      who speaks: splits share no voice, and one accent and one kind of voice are heard in the test set alone
nonsense    sentences of words that do not exist
script      what is spoken: keyword, near misses, parts, other words, sentences with and without it
speaking    espeak-ng in worker processes: samples and the keyword's onset and offset
again       the same said by other programs, whose voices are made from real ones
scenes      spoken lines and backgrounds laid out in time
advice      what a user should know of a keyword before training
recordings  a user's own clips
alignment   which phone is where in them
"""

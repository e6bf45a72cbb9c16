"""tweets.py - which lengths of a list the tweets of a round have: the rule of src/nerve/bench_tweets.c, without any package."""


def lengths_of(lengths, batch, batches):
    """`batches` lists of `batch` lengths. Each is neighbours in the sorted list, around its quantile (b + 1/2) / batches, so that it is padded as a batch of
    the whole list is; of a list of fewer lengths the tweets have those at its quantiles."""
    lengths, n = sorted(lengths), batch * batches
    if len(lengths) < n:
        tweets = [lengths[int((i + .5) * len(lengths) / n)] for i in range(n)]
        return [tweets[i:i + batch] for i in range(0, n, batch)]
    first = [int((b + .5) * len(lengths) / batches - batch / 2) for b in range(batches)]
    return [lengths[at:at + batch] for at in first]

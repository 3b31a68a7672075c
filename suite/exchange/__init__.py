"""The world outside: mteb's result files and models, TREC runs and judgements, Parquet, contributed results."""

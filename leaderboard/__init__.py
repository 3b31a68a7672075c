"""The leaderboard: reads results, writes a static site."""

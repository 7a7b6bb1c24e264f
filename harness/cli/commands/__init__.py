"""The commands of wsgi-gauntlet. They import heavy modules only when they run."""

"""The report as a folder of static pages."""

"""What came out of a campaign: stores, queries, tables, figures and the report. No Ray, no torch."""

"""City Order on one machine: a PostgreSQL server, Airflow, and the nightly job, without Docker.

`python -m include.local_platform --help` lists the commands; the Makefile calls them.
"""

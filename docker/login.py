"""Who may log in: accounts of Airflow's own, each made by an administrator. Named by CITY_ORDER_LOGIN in .env."""

from flask_appbuilder.const import AUTH_DB

AUTH_TYPE = AUTH_DB
AUTH_USER_REGISTRATION = False

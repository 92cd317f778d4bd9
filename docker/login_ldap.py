"""Who may log in: whoever the city's LDAP directory knows. An example to copy and fill in: see docs/server.md."""

from flask_appbuilder.const import AUTH_LDAP

AUTH_TYPE = AUTH_LDAP
AUTH_LDAP_SERVER = "ldaps://ldap.example.org"
AUTH_LDAP_TLS_DEMAND = True
AUTH_LDAP_SEARCH = "ou=people,dc=example,dc=org"
AUTH_LDAP_UID_FIELD = "uid"
AUTH_LDAP_BIND_USER = "cn=city-order,ou=services,dc=example,dc=org"
AUTH_LDAP_BIND_PASSWORD = "FILL IN"  # noqa: S105
AUTH_LDAP_GROUP_FIELD = "memberOf"
# An account is made at the first login. Its roles are those of its groups, anew at every login; without such a group,
# Public: no rights at all.
AUTH_USER_REGISTRATION = True
AUTH_USER_REGISTRATION_ROLE = "Public"
AUTH_ROLES_SYNC_AT_LOGIN = True
AUTH_ROLES_MAPPING = {
    "cn=city-order-admins,ou=groups,dc=example,dc=org": ["Admin"],
    "cn=city-order-operators,ou=groups,dc=example,dc=org": ["Op"],
    "cn=city-order-users,ou=groups,dc=example,dc=org": ["User"],
    "cn=city-order-viewers,ou=groups,dc=example,dc=org": ["Viewer"],
}

"""Who may log in: whoever the city's OpenID Connect provider knows. An example to copy and fill in: see docs/server.md.

Airflow knows by the provider's name how it tells names and groups: keycloak, okta, azure, authentik, auth0 and others.
"""

from flask_appbuilder.const import AUTH_OAUTH

AUTH_TYPE = AUTH_OAUTH
# An account is made at the first login. Its roles are those of its groups, anew at every login; without such a group,
# Public: no rights at all.
AUTH_USER_REGISTRATION = True
AUTH_USER_REGISTRATION_ROLE = "Public"
AUTH_ROLES_SYNC_AT_LOGIN = True
AUTH_ROLES_MAPPING = {
    "city-order-admins": ["Admin"],
    "city-order-operators": ["Op"],
    "city-order-users": ["User"],
    "city-order-viewers": ["Viewer"],
}
# The provider must let it return to https://HOST/auth/oauth-authorized/keycloak, and give the claim `groups`.
OAUTH_PROVIDERS = [
    {
        "name": "keycloak",
        "icon": "fa-key",
        "token_key": "access_token",
        "remote_app": {
            "client_id": "city-order",
            "client_secret": "FILL IN",
            "server_metadata_url": "https://login.example.org/realms/city/.well-known/openid-configuration",
            "api_base_url": "https://login.example.org/realms/city/protocol/",
            "client_kwargs": {"scope": "openid email profile"},
        },
    }
]

# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The options by which every module of the collection reaches a cluster."""

from __future__ import annotations


class ModuleDocFragment:
    """Documentation that modules share."""

    DOCUMENTATION = r"""
options:
  transport:
    description:
      - V(rapi) is Ganeti's remote API, from anywhere. V(luxi) is Ganeti's own socket on the master node, where the
        module then has to run, without a password, as C(root) or a user who may use the socket.
      - If not set, the value of the environment variable E(GANETI_TRANSPORT) is used.
    type: str
    choices: [rapi, luxi]
    default: rapi
  luxi_socket:
    description:
      - Path of the socket of O(transport=luxi). Its answers have a minute to come; O(rapi_timeout) is not for them.
      - If not set, the value of the environment variable E(GANETI_LUXI_SOCKET) is used. As with all of these, it is the
        environment of the host on which the module runs.
    type: path
    default: /var/run/ganeti/socket/ganeti-query
  rapi_host:
    description:
      - Host name or address at which the cluster's RAPI listens, usually the cluster's own name. Needed with
        O(transport=rapi). An IPv6 address may stand in brackets.
      - If not set, the value of the environment variable E(GANETI_RAPI_HOST) is used.
    type: str
  rapi_port:
    description:
      - Port of the RAPI.
      - If not set, the value of the environment variable E(GANETI_RAPI_PORT) is used.
    type: int
    default: 5080
  rapi_user:
    description:
      - User of the RAPI. Check mode and facts need one with C(read) in Ganeti's file of RAPI users, rounds one with
        C(write).
      - If not set, the value of the environment variable E(GANETI_RAPI_USER) is used.
    type: str
  rapi_password:
    description:
      - Password of O(rapi_user).
      - If not set, the value of the environment variable E(GANETI_RAPI_PASSWORD) is used.
    type: str
  rapi_ca_path:
    description:
      - File with the certificates of the authorities that may have signed the RAPI's certificate; without it, those
        that the Python library C(requests) trusts. E(REQUESTS_CA_BUNDLE) is not looked at.
      - If not set, the value of the environment variable E(GANETI_RAPI_CA_PATH) is used.
    type: path
  rapi_fingerprint:
    description:
      - SHA-256 of the RAPI's certificate in hexadecimal digits, with or without colons. It takes the place of
        O(rapi_ca_path) and of the check of the host's name, and so suits the certificate that Ganeti makes by
        itself, which has no name in it.
      - On the master, C(openssl x509 -noout -fingerprint -sha256 -in /var/lib/ganeti/rapi.pem) shows it.
      - If not set, the value of the environment variable E(GANETI_RAPI_FINGERPRINT) is used.
    type: str
  rapi_validate_certs:
    description:
      - Whether the RAPI's certificate is checked. Without a check, whoever answers gets the password; use
        O(rapi_fingerprint) instead.
      - If not set, the value of the environment variable E(GANETI_RAPI_VALIDATE_CERTS) is used.
    type: bool
    default: true
  rapi_timeout:
    description:
      - Seconds to wait for each answer.
      - If not set, the value of the environment variable E(GANETI_RAPI_TIMEOUT) is used.
    type: int
    default: 30
requirements:
  - requests 2.25 or later, and urllib3 1.26 or later, with O(transport=rapi)
"""

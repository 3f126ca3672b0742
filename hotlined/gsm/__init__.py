"""The field: one GSM modem, its protocol and its messages. It knows nothing of hotlines."""

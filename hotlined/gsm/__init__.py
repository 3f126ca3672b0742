"""The driver of a GSM modem: its port, its protocol, its storages and its messages. It knows nothing of hotlines."""

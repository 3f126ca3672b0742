"""The driver of a GSM modem: port, protocol, storages and messages. It knows nothing of hotlines."""

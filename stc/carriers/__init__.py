"""Carriers of a .stc file: QR codes (`qr`), text (`text`) and NFC tags (`ndef`)."""

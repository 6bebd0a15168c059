"""What carries a .stc file where bytes are few: QR codes (`qr`) and NFC tags (`ndef`)."""

"""The protocol's messages, generated from proto/ and kept in a descriptor pool of their own."""

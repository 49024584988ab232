"""The sub-commands of `huifang`, one module each."""

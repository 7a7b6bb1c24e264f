"""HTTP/1.1 on real connections: addresses, requests, responses, segmentation and lint."""

/** A certificate for 127.0.0.1 that nobody has signed but itself, good for a hundred years, with its key. Both are for these tests alone. */
export const selfSigned = {
  cert: `-----BEGIN CERTIFICATE-----
MIIBmzCCAUGgAwIBAgIUX9jHLsCsx+ROuIVjBKJd72a3hhUwCgYIKoZIzj0EAwIw
FDESMBAGA1UEAwwJMTI3LjAuMC4xMCAXDTI2MTEyMzAxMjAxOVoYDzIxMjYxMDMw
MDEyMDE5WjAUMRIwEAYDVQQDDAkxMjcuMC4wLjEwWTATBgcqhkjOPQIBBggqhkjO
PQMBBwNCAASkyLSCOphLyQL9tQWjdGhTUgzWTaviO8rlD0szsiPHf+4yooLSO4eE
5ZDZHuJ8H3+zqq58pBe6o+aDAnaxHhgpo28wbTAdBgNVHQ4EFgQUnfdQOLUaKWNK
ddXD5AkasOB2E2UwHwYDVR0jBBgwFoAUnfdQOLUaKWNKddXD5AkasOB2E2UwDwYD
VR0TAQH/BAUwAwEB/zAaBgNVHREEEzARhwR/AAABgglsb2NhbGhvc3QwCgYIKoZI
zj0EAwIDSAAwRQIhAI9eZPh+6L+uZYhhQwoeRMdTcw4b3rksxpHrvWxo3UMgAiAS
oKMOoJ58nT+mcb+77BAMLpoOeOctPswhHBQzqOrm8A==
-----END CERTIFICATE-----`,
  key: `-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgfxOOTqSLBpjT5q9C
xa5ibAzAC3NT79185RmnzYusGhahRANCAASkyLSCOphLyQL9tQWjdGhTUgzWTavi
O8rlD0szsiPHf+4yooLSO4eE5ZDZHuJ8H3+zqq58pBe6o+aDAnaxHhgp
-----END PRIVATE KEY-----`,
};

import { expect, test } from "vitest";
import { isExempt } from "./no-proxy.ts";

test.each([
  ["https://api.example.com/v1", "example.com", true],
  ["https://api.example.com/v1", ".example.com", true],
  ["https://api.example.com/v1", "*.example.com", true],
  ["https://example.com/v1", ".example.com", true],
  ["https://API.Example.COM/v1", "other.org, EXAMPLE.com", true],
  ["https://api.example.com/v1", "other.org example.com.", true],
  ["https://notexample.com/v1", "example.com", false],
  ["https://example.com.evil.org/v1", "example.com", false],
  ["https://api.example.com/v1", "*", true],
  ["https://api.example.com/v1", "other.org,*", true],
  ["https://api.example.com/v1", "", false],
  ["https://api.example.com/v1", " , ,. ", false],
  ["https://api.example.com/v1", "example.com:443", true],
  ["https://api.example.com/v1", "example.com:8443", false],
  ["http://example.com:8080/v1", "example.com:8080", true],
  ["http://127.0.0.1:8000/v1", "127.0.0.1", true],
  ["http://127.0.0.1:8000/v1", "127.0.0.1:8000", true],
  ["http://127.0.0.1:8000/v1", "127.0.0.1:80", false],
  ["http://10.1.2.3/v1", "10.0.0.0/8", true],
  ["http://11.1.2.3/v1", "10.0.0.0/8", false],
  ["http://10.1.2.3/v1", "10.0.0.0/99", false],
  ["http://10.1.2.3/v1", "2.3", false],
  ["http://[::1]:8000/v1", "::1", true],
  ["http://[::1]:8000/v1", "[::1]", true],
  ["http://[::1]:8000/v1", "[::1]:8000", true],
  ["http://[::1]:8000/v1", "[::1]:8001", false],
  ["http://[fd00::5]/v1", "fd00::/8", true],
  ["http://[fe80::5]/v1", "fd00::/8", false],
  ["http://localhost:8000/v1", "localhost", true],
])("%s and NO_PROXY=%s: %s", (url, list, exempt) => {
  expect(isExempt(new URL(url), list)).toBe(exempt);
});

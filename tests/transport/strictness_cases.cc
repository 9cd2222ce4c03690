#include "tests/transport/strictness_cases.h"

#include "absl/strings/str_cat.h"

namespace session_status::transport {
namespace {

// A literal with NUL bytes in it.
template <size_t n>
std::string Bytes(const char (&text)[n]) {
  return std::string(text, n - 1);
}

// A request with these header lines (each with its own line end) and this body.
std::string Post(absl::string_view lines, absl::string_view body = "") {
  return absl::StrCat("POST /p HTTP/1.1\r\nHost: x\r\n", lines, "\r\n", body);
}
std::string Chunked(absl::string_view body) { return Post("Transfer-Encoding: chunked\r\n", body); }
std::string Line(absl::string_view line) { return absl::StrCat(line, "\r\nHost: x\r\n\r\n"); }
std::string Get(absl::string_view lines) {
  return absl::StrCat("GET / HTTP/1.1\r\n", lines, "\r\n");
}
std::string ManyHeaders(int count) {
  std::string lines = "Host: x\r\n";
  for (int i = 1; i < count; ++i) absl::StrAppend(&lines, "A", i, ": b\r\n");
  return Get(lines);
}

std::vector<StrictnessCase> FramingCases() {
  const std::string te = "Transfer-Encoding: ";
  return {
      {"length and chunked",
       Post("Content-Length: 3\r\nTransfer-Encoding: chunked\r\n", "0\r\n\r\n"), 400, ""},
      {"chunked and length",
       Post("Transfer-Encoding: chunked\r\nContent-Length: 3\r\n", "0\r\n\r\n"), 400, ""},
      {"two lengths that differ", Post("Content-Length: 3\r\nContent-Length: 4\r\n", "abcd"), 400,
       ""},
      {"two lengths that agree", Post("Content-Length: 3\r\nContent-Length: 3\r\n", "abc"), 400,
       ""},
      {"list of lengths", Post("Content-Length: 3, 3\r\n", "abc"), 400, ""},
      {"negative length", Post("Content-Length: -3\r\n", "abc"), 400, ""},
      {"signed length", Post("Content-Length: +3\r\n", "abc"), 400, ""},
      {"hexadecimal length", Post("Content-Length: 0x3\r\n", "abc"), 400, ""},
      {"empty length", Post("Content-Length: \r\n", "abc"), 400, ""},
      {"length with a space inside", Post("Content-Length: 1 2\r\n", "abc"), 400, ""},
      {"length over 64 bits", Post("Content-Length: 18446744073709551619\r\n", "abc"), 400, ""},
      {"length with many digits", Post("Content-Length: 00000000000000000000000003\r\n", "abc"),
       400, ""},
      {"length over the limit", Post("Content-Length: 101\r\n"), 413, ""},
      {"huge length", Post("Content-Length: 9223372036854775807\r\n"), 413, ""},
      {"length at the limit", Post("Content-Length: 100\r\n", std::string(100, 'b')), 200,
       std::string(100, 'b')},
      {"length with spaces around", Post("Content-Length:   3 \t\r\n", "abc"), 200, "abc"},
      {"no length", Post(""), 200, ""},
      {"length zero", Post("Content-Length: 0\r\n"), 200, ""},
      {"gzip before chunked", Post(te + "gzip, chunked\r\n", "0\r\n\r\n"), 501, ""},
      {"chunked before identity", Post(te + "chunked, identity\r\n", "0\r\n\r\n"), 501, ""},
      {"unknown coding", Post(te + "xchunked\r\n", "0\r\n\r\n"), 501, ""},
      {"identity", Post(te + "identity\r\n", "abc"), 501, ""},
      {"empty coding", Post(te + "\r\n", "0\r\n\r\n"), 501, ""},
      {"chunked twice in one line", Post(te + "chunked, chunked\r\n", "0\r\n\r\n"), 501, ""},
      {"chunked in two lines", Post(te + "chunked\r\n" + te + "chunked\r\n", "0\r\n\r\n"), 400, ""},
      {"quoted chunked", Post(te + "\"chunked\"\r\n", "0\r\n\r\n"), 501, ""},
      {"vertical tab before chunked", Post(te + "\vchunked\r\n", "0\r\n\r\n"), 400, ""},
      {"chunked with a parameter", Post(te + "chunked;q=1\r\n", "0\r\n\r\n"), 501, ""},
      {"chunked in capitals", Post(te + "CHUNKED\r\n", "0\r\n\r\n"), 200, ""},
      {"chunked in HTTP/1.0",
       "POST /p HTTP/1.0\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400, ""},
  };
}

std::vector<StrictnessCase> ChunkCases() {
  return {
      {"one chunk", Chunked("3\r\nabc\r\n0\r\n\r\n"), 200, "abc"},
      {"two chunks", Chunked("3\r\nabc\r\na\r\n0123456789\r\n0\r\n\r\n"), 200, "abc0123456789"},
      {"capital digits", Chunked("A\r\n0123456789\r\n0\r\n\r\n"), 200, "0123456789"},
      {"many zeros at the end", Chunked("1\r\na\r\n00000000\r\n\r\n"), 200, "a"},
      {"extension", Chunked("1;name=value\r\na\r\n0;last\r\n\r\n"), 200, "a"},
      {"quoted extension", Chunked("1;n=\"v;w\"\r\na\r\n0\r\n\r\n"), 200, "a"},
      {"trailer", Chunked("1\r\na\r\n0\r\nX-Sum: 1\r\nY: 2\r\n\r\n"), 200, "a"},
      {"no chunk size", Chunked("\r\na\r\n0\r\n\r\n"), 400, ""},
      {"size is no number", Chunked("g\r\na\r\n0\r\n\r\n"), 400, ""},
      {"size with a sign", Chunked("+1\r\na\r\n0\r\n\r\n"), 400, ""},
      {"negative size", Chunked("-1\r\na\r\n0\r\n\r\n"), 400, ""},
      {"size with prefix", Chunked("0x1\r\na\r\n0\r\n\r\n"), 400, ""},
      {"space before size", Chunked(" 1\r\na\r\n0\r\n\r\n"), 400, ""},
      {"space after size", Chunked("1 \r\na\r\n0\r\n\r\n"), 400, ""},
      {"nine digits", Chunked("000000001\r\na\r\n0\r\n\r\n"), 400, ""},
      {"size over 64 bits", Chunked("10000000000000001\r\na\r\n0\r\n\r\n"), 400, ""},
      {"chunk at the limit",
       Chunked(absl::StrCat("64\r\n", std::string(100, 'b'), "\r\n0\r\n\r\n")), 200,
       std::string(100, 'b')},
      {"chunks at the limit together",
       Chunked(absl::StrCat("60\r\n", std::string(96, 'b'), "\r\n4\r\nbbbb\r\n0\r\n\r\n")), 200,
       std::string(100, 'b')},
      {"size over the limit", Chunked("65\r\n"), 413, ""},
      {"largest size", Chunked("ffffffff\r\n"), 413, ""},
      {"chunks over the limit together",
       Chunked(absl::StrCat("60\r\n", std::string(96, 'b'), "\r\n5\r\n")), 413, ""},
      {"chunk longer than its size", Chunked("1\r\nab\r\n0\r\n\r\n"), 400, ""},
      {"chunk ended by LF", Chunked("1\r\na\n0\r\n\r\n"), 400, ""},
      {"chunk ended by CR", Chunked("1\r\na\r0\r\n\r\n"), 400, ""},
      {"size ended by LF", Chunked("1\na\r\n0\r\n\r\n"), 400, ""},
      {"size ended by CR", Chunked("1\ra\r\n0\r\n\r\n"), 400, ""},
      {"extension ended by LF", Chunked("1;a\na\r\n0\r\n\r\n"), 400, ""},
      {"extension with CR", Chunked("1;a\rb\r\na\r\n0\r\n\r\n"), 400, ""},
      {"extension with NUL", Chunked(Bytes("1;\0\r\na\r\n0\r\n\r\n")), 400, ""},
      {"extension over the limit", Chunked(absl::StrCat("1;", std::string(100, 'e'), "\r\na")), 400,
       ""},
      {"endless extension", Chunked(absl::StrCat("1;", std::string(100, 'e'))), 400, ""},
      {"trailer over the limit",
       Chunked(absl::StrCat("0\r\nT: ", std::string(300, 't'), "\r\n\r\n")), 431, ""},
      {"endless trailer", Chunked(absl::StrCat("0\r\nT: ", std::string(300, 't'))), 431, ""},
      {"trailer ended by LF", Chunked("0\r\nT: t\n\r\n"), 400, ""},
      {"folded trailer", Chunked("0\r\nT: t\r\n u\r\n\r\n"), 400, ""},
      {"trailer without colon", Chunked("0\r\nTrailer\r\n\r\n"), 400, ""},
      {"trailer with NUL", Chunked(Bytes("0\r\nT: \0\r\n\r\n")), 400, ""},
      {"length in the trailer", Chunked("0\r\nContent-Length: 5\r\n\r\n"), 400, ""},
      {"coding in the trailer", Chunked("0\r\nTransfer-Encoding: chunked\r\n\r\n"), 400, ""},
      {"end ended by LF", Chunked("0\r\n\n"), 400, ""},
  };
}

std::vector<StrictnessCase> LineCases() {
  return {
      {"plain", Line("GET / HTTP/1.1"), 200, ""},
      {"empty line before", "\r\n" + Line("GET / HTTP/1.1"), 200, ""},
      {"two empty lines before", "\r\n\r\n" + Line("GET / HTTP/1.1"), 400, ""},
      {"LF before", "\n" + Line("GET / HTTP/1.1"), 400, ""},
      {"space before", " " + Line("GET / HTTP/1.1"), 400, ""},
      {"bare LF", "GET / HTTP/1.1\nHost: x\n\n", 400, ""},
      {"bare LF after the request line", "GET / HTTP/1.1\nHost: x\r\n\r\n", 400, ""},
      {"CR inside the request line", Line("GET /\r HTTP/1.1"), 400, ""},
      {"NUL in the target", Line(Bytes("GET /\0 HTTP/1.1")), 400, ""},
      {"NUL in the method", Line(Bytes("G\0T / HTTP/1.1")), 400, ""},
      {"tab between", Line("GET\t/ HTTP/1.1"), 400, ""},
      {"two spaces between", Line("GET  / HTTP/1.1"), 400, ""},
      {"two spaces before the version", Line("GET /  HTTP/1.1"), 400, ""},
      {"space at the end", Line("GET / HTTP/1.1 "), 400, ""},
      {"no version", Line("GET /"), 400, ""},
      {"no target", Line("GET HTTP/1.1"), 400, ""},
      {"HTTP/0.9", Line("GET / HTTP/0.9"), 400, ""},
      {"HTTP/1.2", Line("GET / HTTP/1.2"), 400, ""},
      {"HTTP/2.0", Line("GET / HTTP/2.0"), 400, ""},
      {"HTTP/11.1", Line("GET / HTTP/11.1"), 400, ""},
      {"HTTP/1.10", Line("GET / HTTP/1.10"), 400, ""},
      {"http/1.1", Line("GET / http/1.1"), 400, ""},
      {"preface of HTTP/2", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 400, ""},
      {"TLS on a plain port", Bytes("\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n"), 400, ""},
      {"method with a separator", Line("GE(T / HTTP/1.1"), 400, ""},
      {"unknown method", Line("BREW / HTTP/1.1"), 200, ""},
      {"letters beyond ASCII in the target", Line("GET /\xc3\xbc HTTP/1.1"), 400, ""},
      {"DEL in the target", Line("GET /\x7f HTTP/1.1"), 400, ""},
      {"fragment", Line("GET /a#b HTTP/1.1"), 400, ""},
      {"target without slash", Line("GET a HTTP/1.1"), 400, ""},
      {"absolute-form", Line("GET http://x/a?b HTTP/1.1"), 200, ""},
      {"absolute-form in capitals", Line("GET HTTP://X/a HTTP/1.1"), 200, ""},
      {"absolute-form without path", Line("GET http://x HTTP/1.1"), 200, ""},
      {"absolute-form of another host", Line("GET http://y/a HTTP/1.1"), 400, ""},
      {"absolute-form with user", Line("GET http://u@x/a HTTP/1.1"), 400, ""},
      {"absolute-form without host", Line("GET http:///a HTTP/1.1"), 400, ""},
      {"absolute-form of another scheme", Line("GET ftp://x/a HTTP/1.1"), 400, ""},
      {"asterisk-form", Line("OPTIONS * HTTP/1.1"), 200, ""},
      {"asterisk-form of GET", Line("GET * HTTP/1.1"), 400, ""},
      {"authority-form", Line("CONNECT x:80 HTTP/1.1"), 405, ""},
      {"long request line", Line(absl::StrCat("GET /", std::string(900, 'a'), " HTTP/1.1")), 200,
       ""},
      {"too long request line", Line(absl::StrCat("GET /", std::string(1000, 'a'), " HTTP/1.1")),
       414, ""},
      {"endless request line", absl::StrCat("GET /", std::string(1000, 'a')), 414, ""},
  };
}

std::vector<StrictnessCase> HeaderCases() {
  return {
      {"no Host", Get(""), 400, ""},
      {"no Host among others", Get("A: b\r\n"), 400, ""},
      {"no Host in HTTP/1.0", "GET / HTTP/1.0\r\n\r\n", 200, ""},
      {"two Hosts", Get("Host: x\r\nHost: x\r\n"), 400, ""},
      {"two Hosts in HTTP/1.0", "GET / HTTP/1.0\r\nHost: x\r\nHost: y\r\n\r\n", 400, ""},
      {"empty Host", Get("Host:\r\n"), 200, ""},
      {"Host with port", Get("Host: x:80\r\n"), 200, ""},
      {"Host of IPv6", Get("Host: [::1]:80\r\n"), 200, ""},
      {"Host with a slash", Get("Host: x/y\r\n"), 400, ""},
      {"Host with a user", Get("Host: u@x\r\n"), 400, ""},
      {"Host with a space", Get("Host: x y\r\n"), 400, ""},
      {"folded by a space", Get("Host: x\r\nA: b\r\n c\r\n"), 400, ""},
      {"folded by a tab", Get("Host: x\r\nA: b\r\n\tc\r\n"), 400, ""},
      {"folded first line", Get(" Host: x\r\n"), 400, ""},
      {"folded length", Post("Content-Length:\r\n 3\r\n", "abc"), 400, ""},
      {"space before the colon", Get("Host: x\r\nA : b\r\n"), 400, ""},
      {"tab before the colon", Get("Host: x\r\nA\t: b\r\n"), 400, ""},
      {"space before the colon of a length", Post("Content-Length : 3\r\n", "abc"), 400, ""},
      {"no colon", Get("Host: x\r\nA\r\n"), 400, ""},
      {"no name", Get("Host: x\r\n: b\r\n"), 400, ""},
      {"name with a separator", Get("Host: x\r\nA(: b\r\n"), 400, ""},
      {"name beyond ASCII", Get("Host: x\r\n\xc3\xbc: b\r\n"), 400, ""},
      {"NUL in a name", Get(Bytes("Host: x\r\nA\0: b\r\n")), 400, ""},
      {"NUL in a value", Get(Bytes("Host: x\r\nA: \0\r\n")), 400, ""},
      {"control character in a value", Get("Host: x\r\nA: \x01\r\n"), 400, ""},
      {"DEL in a value", Get("Host: x\r\nA: \x7f\r\n"), 400, ""},
      {"CR in a value", Get("Host: x\r\nA: b\rc\r\n"), 400, ""},
      {"LF in a value", Get("Host: x\r\nA: b\nc: d\r\n"), 400, ""},
      {"bare LF ends the header", "GET / HTTP/1.1\r\nHost: x\r\n\n", 400, ""},
      {"tab in a value", Get("Host: x\r\nA: b\tc\r\n"), 200, ""},
      {"letters beyond ASCII in a value", Get("Host: x\r\nA: \xc3\xbc\r\n"), 200, ""},
      {"empty value", Get("Host: x\r\nA:\r\n"), 200, ""},
      {"as many lines as allowed", ManyHeaders(20), 200, ""},
      {"one line more than allowed", ManyHeaders(21), 431, ""},
      {"large header", Get(absl::StrCat("Host: x\r\nA: ", std::string(1900, 'a'), "\r\n")), 200,
       ""},
      {"too large header", Get(absl::StrCat("Host: x\r\nA: ", std::string(2000, 'a'), "\r\n")), 431,
       ""},
      {"endless header", absl::StrCat("GET / HTTP/1.1\r\nA: ", std::string(2000, 'a')), 431, ""},
      {"expectation", Post("Expect: 100-continue\r\nContent-Length: 1\r\n", "a"), 200, "a"},
      {"unknown expectation", Post("Expect: miracles\r\n"), 417, ""},
      {"upgrade is ignored", Get("Host: x\r\nConnection: upgrade\r\nUpgrade: h2c\r\n"), 200, ""},
  };
}

}  // namespace

std::vector<StrictnessCase> StrictnessCases() {
  std::vector<StrictnessCase> all;
  for (auto part : {FramingCases(), ChunkCases(), LineCases(), HeaderCases()}) {
    all.insert(all.end(), part.begin(), part.end());
  }
  return all;
}

}  // namespace session_status::transport

// The decoded parameters of a request: query and form body, as one list.
//
// Nearly every byte that arrives is one that needs no encoding, and most SDKs send the pairs sorted
// and encoded as they sign them: one look at each byte tells, and then nothing is copied, decoded,
// sorted or encoded again.
//
// Threads:   one thread at a time; reused from request to request without allocating.
// Ownership: names and values are views into the request's own text or, where something had to be
//            decoded, into this object. They live until the next Clear() and no longer than the
//            request's text.
#ifndef SESSION_STATUS_PLUGIN_AUTH_PARAMETERS_H_
#define SESSION_STATUS_PLUGIN_AUTH_PARAMETERS_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/types/span.h"

namespace session_status::auth {

struct Parameter {
  absl::string_view name;
  absl::string_view value;
  // The pair as received, when that is letter by letter what percent-encoding name and value gives
  // ("a=b%20c"); empty otherwise ("a=b+c", "a=%7E", "a"). Signing needs no encoding then.
  absl::string_view canonical;
};

class Parameters {
 public:
  // Twelve common parameters, ten identifiers, and room for those that are signed and ignored.
  // Bounds the work of sorting; a server with a higher batch limit passes it on top.
  static constexpr size_t kCountMax = 64;

  enum class Outcome {
    kOk,
    kMalformed,  // a '%' without two hex digits, or bytes that are not UTF-8
    kTooMany,    // more than count_max
    kDuplicate,  // a name occurs twice: no choice between two meanings is made
  };

  explicit Parameters(size_t count_max = kCountMax) : count_max_(count_max) {}
  Parameters(const Parameters&) = delete;
  Parameters& operator=(const Parameters&) = delete;

  // Reads `query` and `form` (either may be empty). After kOk the list is sorted by name in byte
  // order, the order in which both signatures want it. After kDuplicate or kMalformed,
  // offending_name() says which; it may then hold anything a caller can send.
  Outcome Read(absl::string_view query, absl::string_view form);

  absl::Span<const Parameter> sorted() const { return list_; }

  // Only what came in the query, sorted: what V3 signs as the canonical query.
  absl::Span<const Parameter> sorted_query() const;

  // nullptr when there is none. An empty value is a value.
  const absl::string_view* Find(absl::string_view name) const;

  absl::string_view offending_name() const { return offending_; }

 private:
  void Mark(absl::string_view text);
  const char* Scan(const char* begin, absl::string_view text, uint8_t stop, uint8_t* classes) const;
  Outcome ReadPairs(absl::string_view text);
  bool Decode(uint8_t classes, absl::string_view* text, bool* canonical);
  Outcome Sort(std::vector<Parameter>* list);

  const size_t count_max_;
  std::vector<Parameter> list_;
  std::vector<Parameter> query_only_;  // filled only when a form came too
  bool form_present_ = false;
  std::vector<uint8_t> marks_;  // of the text that is being read; see Mark()
  std::string decoded_;         // large enough before reading, so that views into it stay valid
  size_t decoded_bytes_ = 0;
  absl::string_view offending_;
};

}  // namespace session_status::auth

#endif  // SESSION_STATUS_PLUGIN_AUTH_PARAMETERS_H_

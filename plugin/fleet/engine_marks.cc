#include "plugin/fleet/engine_marks.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"

namespace session_status::fleet {
namespace {

constexpr char kIsAnother[] = "is not the one that the fleet's other brokers have there";

}  // namespace

EngineMarks::EngineMarks(Round& round) : round_(round) {
  const size_t count = round_.engines.configured();
  if (count > 1) engines_.resize(count);
}

bool EngineMarks::HasNews() {
  if (!refusal_.ok()) return true;
  for (size_t i = 0; i < engines_.size(); ++i) {
    if (IsOpen(i) && At(i).opening != engines_[i].opening) return true;
  }
  return false;
}

bool EngineMarks::AllOpen() {
  for (size_t i = 0; i < engines_.size(); ++i) {
    if (!IsOpen(i)) return false;
  }
  return true;
}

void EngineMarks::Execute() {
  round_.engines.Execute([this](const absl::Status& error) { round_.NoteError(error); });
}

absl::Status EngineMarks::Check() {
  if (!HasNews()) return absl::OkStatus();
  for (size_t i = 0; i < engines_.size(); ++i) {
    if (!IsOpen(i) || std::exchange(engines_[i].met, At(i).opening) == At(i).opening) continue;
    // Those who know it may have been away from it as well.
    claims_from_ = round_.now + kNoClaimAfterRefusal;
  }
  if (!refusal_.ok() && !AllOpen()) return refusal_;
  Look();
  if (absl::Status s = Judge(); !s.ok()) return s;
  if (AddMarks()) {
    Execute();
    if (absl::Status s = Judge(); !s.ok()) return s;
  }
  std::vector<bool> taken(engines_.size());
  for (size_t i = 0; i < engines_.size(); ++i) {
    if (engines_[i].id.empty()) continue;
    AddVouching(i, engines_[i].id, [&taken, i] { taken[i] = true; });
  }
  Execute();
  for (size_t i = 0; i < engines_.size(); ++i) {
    if (taken[i]) return Refuse(i, kIsAnother);
  }
  for (size_t i = 0; i < engines_.size(); ++i) {
    Engine& engine = engines_[i];
    if (!engine.id.empty()) engine.known = engine.id;
    if (IsOpen(i)) engine.opening = At(i).opening;
  }
  refusal_ = absl::OkStatus();
  return refusal_;
}

// First what is said elsewhere, and then the marks: who makes one vouches for it afterwards.
void EngineMarks::Look() {
  for (size_t i = 0; i < engines_.size(); ++i) {
    Engine& engine = engines_[i];
    engine.answers = engine.asked_about = false;
    engine.id.clear();
    engine.vouched_for.clear();
    const std::string key = round_.keys.EngineVouchedFor(i);
    AddWhereVouched(i, {"GET", key}, [&engine](const Reply& reply) {
      if (reply.is_error()) return;
      engine.asked_about = true;
      if (!reply.is_nil()) engine.vouched_for.emplace_back(reply.text());
    });
  }
  Execute();
  for (size_t i = 0; i < engines_.size(); ++i) AddMarkQuestion(i);
  Execute();
}

void EngineMarks::AddMarkQuestion(size_t i) {
  if (!IsOpen(i)) return;
  At(i).connection.Add({"HGET", round_.keys.EngineMark(), "id"},
                       [&engine = engines_[i]](const Reply& reply) {
                         engine.answers = !reply.is_error();
                         if (engine.answers) engine.id = std::string(reply.text());
                       });
}

void EngineMarks::AddWhereVouched(size_t i, std::initializer_list<absl::string_view> command,
                                  const Engines::Handler& handler) {
  const size_t end = i == 0 ? engines_.size() : 1;
  for (size_t at = 0; at < end; ++at) {
    if (IsOpen(at)) At(at).connection.Add(command, handler);
  }
}

void EngineMarks::AddVouching(size_t i, const std::string& id, std::function<void()> on_taken) {
  const std::string key = round_.keys.EngineVouchedFor(i);
  const std::string held_ms = absl::StrCat(absl::ToInt64Milliseconds(kVouchedFor));
  AddWhereVouched(i, {"FCALL", "ss1_renew", "1", key, id, held_ms},
                  [on_taken = std::move(on_taken)](const Reply& reply) {
                    if (reply.text() == "TAKEN") on_taken();
                  });
}

absl::Status EngineMarks::Judge() {
  for (size_t i = 0; i < engines_.size(); ++i) {
    const Engine& engine = engines_[i];
    if (const std::string wrong = WhatIsWrong(i); !wrong.empty()) return Refuse(i, wrong);
    const bool is_anybodys = engine.asked_about && engine.vouched_for.empty();
    if (is_anybodys && !refusal_.ok() && round_.now < claims_from_) return refusal_;
  }
  return absl::OkStatus();
}

std::string EngineMarks::WhatIsWrong(size_t i) const {
  const Engine& engine = engines_[i];
  if (!engine.answers) return "";
  const std::string& id = engine.id.empty() ? engine.known : engine.id;
  const auto& vouched_for = engine.vouched_for;
  if (std::all_of(vouched_for.begin(), vouched_for.end(),
                  [&id](const std::string& other) { return other == id; })) {
    return "";
  }
  return engine.id.empty() ? "is empty, or not the one that the fleet's other brokers have there"
                           : kIsAnother;
}

absl::Status EngineMarks::Refuse(size_t i, absl::string_view what) {
  claims_from_ = round_.now + kNoClaimAfterRefusal;
  refusal_ = absl::FailedPreconditionError(
      absl::StrCat("engine ", i + 1, " of this broker's fleet_url, ", At(i).address.text, ", ",
                   what, "; all brokers need the same list, in the same order"));
  return refusal_;
}

bool EngineMarks::AddMarks() {
  bool any = false;
  for (size_t i = 0; i < engines_.size(); ++i) {
    Engine& engine = engines_[i];
    if (!engine.answers || !engine.id.empty() || !IsOpen(i)) continue;
    const std::string id = engine.known.empty() ? round_.RandomHex() : engine.known;
    At(i).connection.Add({"HSETNX", round_.keys.EngineMark(), "id", id}, [](const Reply&) {});
    AddMarkQuestion(i);  // another broker may have been faster
    any = true;
  }
  return any;
}

void EngineMarks::AddQuestions() {
  for (size_t i = 0; i < engines_.size(); ++i) {
    Engine& engine = engines_[i];
    if (engine.known.empty()) continue;
    AddVouching(i, engine.known, [&engine] { engine.opening = 0; });
    if (!IsOpen(i)) continue;
    At(i).connection.Add({"HGET", round_.keys.EngineMark(), "id"}, [&engine](const Reply& reply) {
      if (!reply.is_error() && reply.text() != engine.known) engine.opening = 0;
    });
  }
}

}  // namespace session_status::fleet

// Stands in for systemd, which need not run here: a `systemctl` that knows one service.
#ifndef SESSION_STATUS_TESTS_CLI_FAKE_SYSTEMCTL_H_
#define SESSION_STATUS_TESTS_CLI_FAKE_SYSTEMCTL_H_

#include <sys/stat.h>

#include <string>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "tests/testing/temp_dir.h"

namespace session_status::testing {

// As systemd 252 prints it.
inline std::string ShownExecStart(absl::string_view program, absl::string_view arguments) {
  return absl::StrCat("ExecStart={ path=", program, " ; argv[]=", program, " ", arguments,
                      " ; ignore_errors=no ; start_time=[n/a] ; stop_time=[n/a] ; pid=0 ; "
                      "code=(null) ; status=0/0 }\n");
}

// Writes it as `name` into the folder; to have it called, that goes before the others in PATH.
inline void WriteFakeSystemctl(const TempDir& dir, absl::string_view name,
                               absl::string_view program, absl::string_view arguments) {
  const std::string path = dir.Write(
      name, absl::StrCat("#!/bin/sh\n[ \"$*\" = 'show -p ExecStart mosquitto.service' ] && ",
                         "cat <<'END'\n", ShownExecStart(program, arguments), "END\n"));
  chmod(path.c_str(), 0755);
}

}  // namespace session_status::testing

#endif  // SESSION_STATUS_TESTS_CLI_FAKE_SYSTEMCTL_H_

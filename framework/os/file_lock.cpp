#include "os/file_lock.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <thread>

#include "landfall/error.hpp"
#include "os/deadline.hpp"
#include "os/files.hpp"

namespace landfall {

FileLock::FileLock(const std::filesystem::path& file, std::chrono::milliseconds limit,
                   const std::function<void(const std::string& holder)>& on_wait)
    : file_(open(file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0666)) {
    if (!file_) throw LabError(fmt::format("{}: {}", file.string(), std::strerror(errno)));
    const Deadline deadline(limit);
    bool told = false;
    while (flock(file_.get(), LOCK_EX | LOCK_NB) != 0) {
        const std::string holder = read_first_line(file);
        if (!told) on_wait(holder);
        told = true;
        if (deadline.passed()) throw LabError(fmt::format("{} is held by process {}", file.string(), holder));
        std::this_thread::sleep_for(std::chrono::milliseconds(100));
    }
    write_file(file, fmt::format("{}\n", getpid()));
}

}  // namespace landfall

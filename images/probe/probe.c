/* The health check of a container, made so that starting is noticed at once and idling costs nothing.
 *
 *   probe http:<port>[/path]   200 from 127.0.0.1
 *   probe redis:<unix socket>  +PONG for the user `probe`, who needs no password and may do nothing else
 *
 * The first run of a container's life asks every 25 ms until the answer is good; a mark in /dev/shm (new with every
 * start of a container) tells later runs to sleep before they ask once. The engine starts a run right after the one
 * before, so one exec a minute is all that is left. A bad answer takes the mark away: recovery is noticed at once, too.
 *
 *   probe wait <either>        asks every 25 ms until the answer is good, each time: the startup probe of a pod, whose
 *                              containers share /dev/shm
 *
 *   probe keep <program> ...   runs the program, and again a second after it ended by itself. An engine whose disk is
 *                              full cannot start a container again, and then never tries another time: who ends for
 *                              want of room, as Redis does when its log cannot be written, must be started from inside */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { IDLE_SECONDS = 55, START_SECONDS = 60, TRIES_WHEN_IDLE = 3, AGAIN_MS = 1000 };
static const char mark[] = "/dev/shm/.probe-healthy";

static void sleep_ms(long ms) {
  struct timespec t = {ms / 1000, ms % 1000 * 1000000};
  nanosleep(&t, NULL);
}

static int dial_http(const char *target) {
  struct sockaddr_in to = {.sin_family = AF_INET,
                           .sin_port = htons((unsigned short)atoi(target)),
                           .sin_addr = {htonl(INADDR_LOOPBACK)}};
  int fd = socket(AF_INET, SOCK_STREAM, 0);
  return connect(fd, (struct sockaddr *)&to, sizeof to) == 0 ? fd : (close(fd), -1);
}

static int dial_unix(const char *path) {
  struct sockaddr_un to = {.sun_family = AF_UNIX};
  strncpy(to.sun_path, path, sizeof to.sun_path - 1);
  int fd = socket(AF_UNIX, SOCK_STREAM, 0);
  return connect(fd, (struct sockaddr *)&to, sizeof to) == 0 ? fd : (close(fd), -1);
}

/* Sends the question and compares the start of the answer. What was answered instead goes to stderr, once asked to. */
static int ask(int fd, const char *question, const char *wanted, int say) {
  char answer[512] = "";
  size_t got = 0;
  if (fd < 0) {
    if (say) fputs("no connection\n", stderr);
    return 0;
  }
  struct timeval limit = {5, 0};
  setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
  if (write(fd, question, strlen(question)) > 0) {
    ssize_t n;
    while (got < sizeof answer - 1 && (n = read(fd, answer + got, sizeof answer - 1 - got)) > 0) {
      got += (size_t)n;
      if (got >= strlen(wanted) && !say) break;
    }
  }
  close(fd);
  int good = strncmp(answer, wanted, strlen(wanted)) == 0;
  if (!good && say) fprintf(stderr, "%s\n", got ? answer : "no answer");
  return good;
}

static int healthy(const char *target, int say) {
  if (strncmp(target, "http:", 5) == 0) {
    char question[256];
    const char *path = strchr(target + 5, '/');
    snprintf(question, sizeof question, "GET %s HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n",
             path ? path : "/healthz");
    return ask(dial_http(target + 5), question, "HTTP/1.1 200", say);
  }
  if (strncmp(target, "redis:", 6) == 0) return ask(dial_unix(target + 6), "AUTH probe probe\r\nPING\r\n", "+OK\r\n+PONG", say);
  fputs("usage: probe [wait] http:<port>[/path] | redis:<unix socket>\n", stderr);
  exit(2);
}

static volatile sig_atomic_t ending;
static volatile pid_t child;

static void end(int signal_number) {
  ending = 1;
  if (child > 0) kill(child, signal_number);
}

static int keep(char **command) {
  struct sigaction action = {.sa_handler = end};
  sigset_t ends, before;
  sigemptyset(&ends);
  sigaddset(&ends, SIGTERM);
  sigaddset(&ends, SIGINT);
  sigaction(SIGTERM, &action, NULL);
  sigaction(SIGINT, &action, NULL);
  int status = 0;
  while (!ending) {
    /* A signal that comes before there is a child to tell waits until there is. */
    sigprocmask(SIG_BLOCK, &ends, &before);
    child = fork();
    if (child == 0) {
      sigprocmask(SIG_SETMASK, &before, NULL);
      signal(SIGPIPE, SIG_DFL);
      execvp(command[0], command);
      perror(command[0]);
      _exit(127);
    }
    sigprocmask(SIG_SETMASK, &before, NULL);
    while (child > 0 && waitpid(child, &status, 0) < 0 && errno == EINTR) continue;
    child = 0;
    if (!ending) sleep_ms(AGAIN_MS);
  }
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

int main(int argc, char **argv) {
  signal(SIGPIPE, SIG_IGN);
  if (argc > 2 && strcmp(argv[1], "keep") == 0) return keep(argv + 2);
  int waiting = argc == 3 && strcmp(argv[1], "wait") == 0;
  const char *target = argc == 2 || waiting ? argv[argc - 1] : "";
  int idle = !waiting && access(mark, F_OK) == 0;
  long tries = idle ? TRIES_WHEN_IDLE : START_SECONDS * 40;
  if (idle) sleep_ms(IDLE_SECONDS * 1000);
  while (tries-- > 0) {
    if (healthy(target, tries == 0)) {
      if (!idle && !waiting) close(open(mark, O_CREAT | O_WRONLY | O_CLOEXEC, 0600));
      return 0;
    }
    sleep_ms(idle ? 500 : 25);
  }
  if (!waiting) unlink(mark);
  return 1;
}

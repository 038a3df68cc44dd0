/* A 32-bit program without a library: creates three instances, closes one, says so on stdout, waits for stdin to end. */

#ifdef __arm__
#define EPOLL_CREATE 250
#define EPOLL_CREATE1 357
#else
#define EPOLL_CREATE 254
#define EPOLL_CREATE1 329
#endif
#define READ 3
#define WRITE 4
#define CLOSE 6
#define EXIT 1

static long call(long number, long first, long second, long third)
{
#ifdef __arm__
	register long r7 __asm__("r7") = number, r0 __asm__("r0") = first;
	register long r1 __asm__("r1") = second, r2 __asm__("r2") = third;

	__asm__ volatile("svc #0" : "+r"(r0) : "r"(r7), "r"(r1), "r"(r2) : "memory");
	return r0;
#else
	long answer;

	__asm__ volatile("int $0x80" : "=a"(answer) : "a"(number), "b"(first), "c"(second), "d"(third) : "memory");
	return answer;
#endif
}

void _start(void)
{
	char end;

	call(EPOLL_CREATE, 77, 0, 0);
	call(EPOLL_CREATE1, 02000000, 0, 0);
	call(CLOSE, call(EPOLL_CREATE1, 0, 0, 0), 0, 0);
	call(EPOLL_CREATE1, 4, 0, 0);
	call(WRITE, 1, (long)"made\n", 5);
	call(READ, 0, (long)&end, 1);
	call(EXIT, 0, 0, 0);
}

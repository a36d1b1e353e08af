/* What a virtual machine without an init system needs: randomness at the start, and a switch at the end.
 * usage: power seed | power off
 */
#include <fcntl.h>
#include <linux/random.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/reboot.h>
#include <unistd.h>

int main(int count, char **words) {
  if (count == 2 && strcmp(words[1], "off") == 0) {
    sync();
    return reboot(RB_POWER_OFF);
  }
  /* User-Mode Linux gathers no entropy of its own for a long time, and servers wait for it. */
  struct {
    int bits, bytes;
    char content[64];
  } pool = {512, 64, {0}};
  memset(pool.content, 7, sizeof pool.content);
  return ioctl(open("/dev/random", O_RDWR), RNDADDENTROPY, &pool);
}

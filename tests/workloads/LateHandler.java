import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.channels.Selector;

/** A selector that is asked once; then the handler stays away. Arguments: spin, or read and a FIFO that nobody writes. */
public class LateHandler {
    private static final int WARM = 20_000;
    private static volatile long turns;

    private static void handleEvent(String way, RandomAccessFile file, long rounds) throws IOException {
        if (way.equals("read")) {
            file.read();
        }
        for (long done = 0; done < rounds; done++) {
            turns++;
        }
    }

    private static void serveLoop(String way, RandomAccessFile file, long rounds) throws IOException {
        handleEvent(way, file, rounds);
        turns++;
    }

    public static void main(String[] arguments) throws Exception {
        Selector selector = Selector.open();
        RandomAccessFile file = new RandomAccessFile("/dev/zero", "r");
        for (int done = 0; done < WARM; done++) {
            serveLoop(arguments[0], file, 1); // so that it becomes machine code
        }
        if (arguments[0].equals("read")) {
            file = new RandomAccessFile(arguments[1], "rw");
        }
        selector.selectNow();
        System.out.println("away");
        serveLoop(arguments[0], file, Long.MAX_VALUE);
    }
}

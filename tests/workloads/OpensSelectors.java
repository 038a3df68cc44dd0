import java.io.IOException;
import java.nio.channels.Selector;

/** Opens a selector for each piece of work; says when this has become machine code. */
public class OpensSelectors {
    private static final int WARM = 1000;

    private static void handle() throws IOException {
        Selector selector = Selector.open();
        selector.close();
    }

    public static void main(String[] arguments) throws Exception {
        for (int done = 0; true; done++) {
            handle();
            if (done == WARM) {
                System.out.println("warm");
            }
            if (done > WARM) {
                Thread.sleep(20);
            }
        }
    }
}
